package peers.job;

/**
 * What one calling number did: its set-ups, its answered calls and, of its called numbers, the latest call to each.
 *
 * <p>A mark on a set-up says that it is the latest call to its called number. As many different numbers were called in
 * a window as it holds marked set-ups, whatever its length, so that one ring serves all four.
 *
 * <p>Layout: header of set-ups, header of answered calls (marked: short), times of set-ups, called number of each set-up
 * (long), times of answered calls, and from {@link #INDEXED} set-ups on an open-addressing table of ints from called
 * number to slot + 1 of its marked set-up. A number seen once takes 112 bytes.
 */
public final class CallerState {
    private static final int SETUPS = 0;
    private static final int ANSWERED = Ring.HEADER_BYTES;
    private static final int TIMES = 2 * Ring.HEADER_BYTES;
    private static final int FIRST_CAPACITY = 2;
    private static final int INDEXED = 32;
    private static final int SLOTS_PER_SETUP = 2;

    private CallerState() {}

    /** Count one call set-up, write the sixteen counts of its number, return the state to keep (maybe grown). */
    public static byte[] setup(byte[] known, long now, long called, Job job, int[] counts) {
        byte[] state = known == null ? grown(null, FIRST_CAPACITY, 0) : known;
        forget(state, now - job.windows[Ring.LONGEST]);
        Ring.advance(state, SETUPS, TIMES, now, job.windows);
        Ring.advance(state, ANSWERED, answeredTimes(state), now, job.windows);
        if (Ring.isFull(state, SETUPS)) {
            state = grown(state, 2 * Ring.capacity(state, SETUPS), Ring.capacity(state, ANSWERED));
        }
        addSetup(state, now, called);
        Ring.read(state, SETUPS, counts, Job.CALLS, Job.DISTINCT);
        Ring.read(state, ANSWERED, counts, Job.ANSWERED, Job.SHORT);
        return state;
    }

    /** Count the end of an answered call, return the state to keep (maybe grown). */
    public static byte[] answered(byte[] known, long now, boolean isShort, Job job) {
        byte[] state = known == null ? grown(null, FIRST_CAPACITY, FIRST_CAPACITY) : known;
        Ring.advance(state, ANSWERED, answeredTimes(state), now, job.windows);
        if (Ring.isFull(state, ANSWERED)) {
            int capacity = Math.max(FIRST_CAPACITY, 2 * Ring.capacity(state, ANSWERED));
            state = grown(state, Ring.capacity(state, SETUPS), capacity);
        }
        Ring.add(state, ANSWERED, answeredTimes(state), now, isShort);
        return state;
    }

    private static void addSetup(byte[] state, long now, long called) {
        int capacity = Ring.capacity(state, SETUPS);
        if (capacity < INDEXED) {
            int earlier = scan(state, called);
            if (earlier >= 0) {
                Ring.unmark(state, SETUPS, TIMES, earlier);
            }
            setCalled(state, Ring.add(state, SETUPS, TIMES, now, true), called);
            return;
        }
        int cell = find(state, called);
        int slot = Ring.getInt(state, cell) - 1;
        if (slot >= 0) {
            Ring.unmark(state, SETUPS, TIMES, slot);
        }
        slot = Ring.add(state, SETUPS, TIMES, now, true);
        setCalled(state, slot, called);
        Ring.setInt(state, cell, slot + 1);
    }

    /** Return the slot of the marked set-up to a number among few, or -1. */
    private static int scan(byte[] state, long called) {
        int mask = Ring.capacity(state, SETUPS) - 1;
        int end = Ring.end(state, SETUPS);
        for (int i = Ring.start(state, SETUPS, Ring.LONGEST); i != end; i++) {
            int slot = i & mask;
            if (called(state, slot) == called && isMarked(state, slot)) {
                return slot;
            }
        }
        return -1;
    }

    /** Take out of the table what is about to leave the longest window. */
    private static void forget(byte[] state, long edge) {
        int capacity = Ring.capacity(state, SETUPS);
        if (capacity < INDEXED) {
            return;
        }
        int end = Ring.end(state, SETUPS);
        for (int i = Ring.start(state, SETUPS, Ring.LONGEST); i != end; i++) {
            int slot = i & (capacity - 1);
            if (Ring.getLong(state, TIMES + 8 * slot) >> 1 > edge) {
                return;
            }
            if (isMarked(state, slot)) {
                remove(state, find(state, called(state, slot)));
            }
        }
    }

    /** Return where the table holds a called number, or the free cell where it belongs. */
    private static int find(byte[] state, long called) {
        int table = table(state);
        int mask = SLOTS_PER_SETUP * Ring.capacity(state, SETUPS) - 1;
        for (int i = home(called, mask); ; i = i + 1 & mask) {
            int slot = Ring.getInt(state, table + 4 * i) - 1;
            if (slot < 0 || called(state, slot) == called) {
                return table + 4 * i;
            }
        }
    }

    /** Empty a cell and move up what was pushed past it. */
    private static void remove(byte[] state, int cell) {
        int table = table(state);
        int mask = SLOTS_PER_SETUP * Ring.capacity(state, SETUPS) - 1;
        int hole = (cell - table) / 4;
        for (int i = hole + 1 & mask; ; i = i + 1 & mask) {
            int slot = Ring.getInt(state, table + 4 * i) - 1;
            if (slot < 0) {
                break;
            }
            int home = home(called(state, slot), mask);
            if ((i - home & mask) >= (i - hole & mask)) {
                Ring.setInt(state, table + 4 * hole, slot + 1);
                hole = i;
            }
        }
        Ring.setInt(state, table + 4 * hole, 0);
    }

    private static int home(long called, int mask) {
        return (int) (called * 0x9E3779B97F4A7C15L >>> 32) & mask;
    }

    private static byte[] grown(byte[] known, int setups, int answered) {
        int cells = setups < INDEXED ? 0 : SLOTS_PER_SETUP * setups;
        byte[] state = new byte[TIMES + 16 * setups + 8 * answered + 4 * cells];
        Ring.setCapacity(state, SETUPS, setups);
        Ring.setCapacity(state, ANSWERED, answered);
        if (known == null) {
            return state;
        }
        Ring.copy(known, TIMES, state, TIMES, SETUPS, setups);
        Ring.copyLongs(known, calledAt(known), state, calledAt(state), SETUPS);
        Ring.copy(known, answeredTimes(known), state, answeredTimes(state), ANSWERED, answered);
        if (cells > 0) {
            fillTable(state);
        }
        return state;
    }

    private static void fillTable(byte[] state) {
        int mask = Ring.capacity(state, SETUPS) - 1;
        int end = Ring.end(state, SETUPS);
        for (int i = Ring.start(state, SETUPS, Ring.LONGEST); i != end; i++) {
            int slot = i & mask;
            if (isMarked(state, slot)) {
                Ring.setInt(state, find(state, called(state, slot)), slot + 1);
            }
        }
    }

    private static boolean isMarked(byte[] state, int slot) {
        return (Ring.getLong(state, TIMES + 8 * slot) & 1) != 0;
    }

    private static long called(byte[] state, int slot) {
        return Ring.getLong(state, calledAt(state) + 8 * slot);
    }

    private static void setCalled(byte[] state, int slot, long called) {
        Ring.setLong(state, calledAt(state) + 8 * slot, called);
    }

    private static int calledAt(byte[] state) {
        return TIMES + 8 * Ring.capacity(state, SETUPS);
    }

    private static int answeredTimes(byte[] state) {
        return TIMES + 16 * Ring.capacity(state, SETUPS);
    }

    private static int table(byte[] state) {
        return answeredTimes(state) + 8 * Ring.capacity(state, ANSWERED);
    }
}
