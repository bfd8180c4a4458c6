package peers.job;

/** Calls of one trunk group in each window: a {@link Ring} without marks. */
public final class TrunkState {
    private static final int FIRST_CAPACITY = 64;
    private static final int TIMES = Ring.HEADER_BYTES;

    private TrunkState() {}

    /** Count one call set-up, write the calls of each window into `counts`, return the state to keep (maybe grown). */
    public static byte[] setup(byte[] known, long now, Job job, int[] counts) {
        byte[] state = known == null ? empty(FIRST_CAPACITY) : known;
        Ring.advance(state, 0, TIMES, now, job.windows);
        if (Ring.isFull(state, 0)) {
            byte[] larger = new byte[TIMES + 8 * 2 * Ring.capacity(state, 0)];
            Ring.copy(state, TIMES, larger, TIMES, 0, 2 * Ring.capacity(state, 0));
            state = larger;
        }
        Ring.add(state, 0, TIMES, now, false);
        Ring.read(state, 0, counts, Job.TRUNK_CALLS, -1);
        return state;
    }

    private static byte[] empty(int capacity) {
        byte[] state = new byte[TIMES + 8 * capacity];
        Ring.setCapacity(state, 0, capacity);
        return state;
    }
}
