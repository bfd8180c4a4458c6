package peers.job;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * A ring of marked instants inside a byte array, with how many entries and marked entries lie in each window.
 *
 * <p>State is bytes from end to end: a state store, a change log or a checkpoint takes it as it is, and no event pays
 * for a serialiser. Windows are {@code (now - length, now]}; instants must not go backwards. Each event costs a
 * constant number of steps on average, since a window that moves on gives back what left it.
 *
 * <p>Header of {@link #HEADER_BYTES} bytes: int capacity (0 or a power of two), int end, 4 ints start, 4 ints marked.
 * `start` and `end` are running numbers of entries, entry i lies in slot {@code i & (capacity - 1)} of the times, which
 * are longs of {@code instant << 1 | mark} somewhere else in the same array.
 */
final class Ring {
    static final int WINDOWS = 4;
    static final int LONGEST = WINDOWS - 1;
    static final int HEADER_BYTES = 4 * (2 + 2 * WINDOWS);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int END = 4;
    private static final int START = 8;
    private static final int MARKED = START + 4 * WINDOWS;

    private Ring() {}

    static int getInt(byte[] state, int at) {
        return (int) INT.get(state, at);
    }

    static void setInt(byte[] state, int at, int value) {
        INT.set(state, at, value);
    }

    static long getLong(byte[] state, int at) {
        return (long) LONG.get(state, at);
    }

    static void setLong(byte[] state, int at, long value) {
        LONG.set(state, at, value);
    }

    static int capacity(byte[] state, int header) {
        return getInt(state, header);
    }

    static void setCapacity(byte[] state, int header, int capacity) {
        setInt(state, header, capacity);
    }

    static int end(byte[] state, int header) {
        return getInt(state, header + END);
    }

    static int start(byte[] state, int header, int window) {
        return getInt(state, header + START + 4 * window);
    }

    static boolean isFull(byte[] state, int header) {
        return end(state, header) - start(state, header, LONGEST) == capacity(state, header);
    }

    /** Let go of what has left each window. */
    static void advance(byte[] state, int header, int times, long now, long[] windows) {
        int end = end(state, header);
        int mask = capacity(state, header) - 1;
        for (int window = 0; window < WINDOWS; window++) {
            int startAt = header + START + 4 * window;
            int start = getInt(state, startAt);
            long edge = now - windows[window];
            int first = start;
            int left = 0;
            while (start != end) {
                long entry = getLong(state, times + 8 * (start & mask));
                if (entry >> 1 > edge) {
                    break;
                }
                left += (int) (entry & 1);
                start++;
            }
            if (start != first) {
                setInt(state, startAt, start);
                addMarked(state, header, window, -left);
            }
        }
    }

    /** Append one entry and return its slot; the ring must not be full. */
    static int add(byte[] state, int header, int times, long now, boolean mark) {
        int end = end(state, header);
        int slot = end & (capacity(state, header) - 1);
        setLong(state, times + 8 * slot, now << 1 | (mark ? 1 : 0));
        setInt(state, header + END, end + 1);
        if (mark) {
            for (int window = 0; window < WINDOWS; window++) {
                addMarked(state, header, window, 1);
            }
        }
        return slot;
    }

    /** Take the mark from the entry in a slot, and from the count of every window that holds it. */
    static void unmark(byte[] state, int header, int times, int slot) {
        int at = times + 8 * slot;
        setLong(state, at, getLong(state, at) & ~1L);
        int age = (end(state, header) - 1 - slot) & (capacity(state, header) - 1);
        int number = end(state, header) - 1 - age;
        for (int window = 0; window < WINDOWS; window++) {
            if (start(state, header, window) - number <= 0) {
                addMarked(state, header, window, -1);
            }
        }
    }

    /** Write the entries held and the marked entries of each window into `counts`; `markedAt` may be -1 for none. */
    static void read(byte[] state, int header, int[] counts, int heldAt, int markedAt) {
        int end = end(state, header);
        for (int window = 0; window < WINDOWS; window++) {
            counts[heldAt + window] = end - start(state, header, window);
            if (markedAt >= 0) {
                counts[markedAt + window] = getInt(state, header + MARKED + 4 * window);
            }
        }
    }

    /** Copy header and times of a ring to another array where it has the given capacity. */
    static void copy(byte[] from, int fromTimes, byte[] to, int toTimes, int header, int toCapacity) {
        System.arraycopy(from, header, to, header, HEADER_BYTES);
        setCapacity(to, header, toCapacity);
        copyLongs(from, fromTimes, to, toTimes, header);
    }

    /** Copy one long of every live entry from its old slot to its new one. */
    static void copyLongs(byte[] from, int fromAt, byte[] to, int toAt, int header) {
        int fromMask = capacity(from, header) - 1;
        int toMask = capacity(to, header) - 1;
        int end = end(from, header);
        for (int i = start(from, header, LONGEST); i != end; i++) {
            setLong(to, toAt + 8 * (i & toMask), getLong(from, fromAt + 8 * (i & fromMask)));
        }
    }

    private static void addMarked(byte[] state, int header, int window, int change) {
        int at = header + MARKED + 4 * window;
        setInt(state, at, getInt(state, at) + change);
    }
}
