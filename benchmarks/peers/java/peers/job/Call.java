package peers.job;

/** The fields of one call event that the job needs. One object is filled again for each event. */
public final class Call {
    public static final long ABSENT = Long.MIN_VALUE;

    /** Calls of its calling number and its trunk group in each window, in the order of the contract. */
    public final int[] counts = new int[Job.COUNTS];

    /** Key of the record, the calling number, as it came and as text: for engines that want it with the event. */
    public byte[] key;

    public String caller;

    public boolean isSetup;
    public String callId;
    public String trunk;
    public long called;
    public long setupMs;
    public long endMs;
    public long answerMs;

    void clear() {
        isSetup = false;
        callId = null;
        trunk = null;
        called = 0;
        setupMs = ABSENT;
        endMs = ABSENT;
        answerMs = ABSENT;
    }

    public boolean isAnswered() {
        return answerMs != ABSENT;
    }
}
