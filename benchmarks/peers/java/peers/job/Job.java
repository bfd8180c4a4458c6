package peers.job;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;

/** The common job as its file states it: windows, what counts as short, the logistic regression. */
public final class Job implements Serializable {
    public static final int COUNTS = 20;
    static final int CALLS = 0;
    static final int ANSWERED = 4;
    static final int SHORT = 8;
    static final int DISTINCT = 12;
    static final int TRUNK_CALLS = 16;
    private static final long serialVersionUID = 1;

    /** Window lengths in milliseconds, shortest first. */
    public final long[] windows;

    private final long shortTalkMs;
    private final double[] weights;
    private final double bias;
    private final double blockAt;

    private Job(JsonNode file) {
        windows = new long[Ring.WINDOWS];
        weights = new double[COUNTS];
        require(file.get("window_ms").size() == Ring.WINDOWS, "four windows");
        require(file.get("weights").size() == COUNTS, "twenty weights");
        for (int i = 0; i < Ring.WINDOWS; i++) {
            windows[i] = file.get("window_ms").get(i).longValue();
        }
        for (int i = 0; i < COUNTS; i++) {
            weights[i] = file.get("weights").get(i).doubleValue();
        }
        shortTalkMs = file.get("short_talk_ms").longValue();
        bias = file.get("bias").doubleValue();
        blockAt = file.get("block_at").doubleValue();
    }

    /** Read job.json. */
    public static Job read(String path) throws IOException {
        return new Job(new ObjectMapper().readTree(Path.of(path).toFile()));
    }

    /** Whether an answered call was short. */
    public boolean isShort(Call call) {
        return call.endMs - call.answerMs <= shortTalkMs;
    }

    /** Terms are added in the order of the weights, as the contract says. */
    double score(int[] counts) {
        double total = bias;
        for (int i = 0; i < COUNTS; i++) {
            total += weights[i] * counts[i];
        }
        return 1.0 / (1.0 + Math.exp(-total));
    }

    String action(double score) {
        return score >= blockAt ? "block" : "allow";
    }

    private static void require(boolean condition, String what) {
        if (!condition) {
            throw new IllegalArgumentException("this program is written for " + what);
        }
    }
}
