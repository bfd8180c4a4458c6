package peers.job;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.nio.charset.StandardCharsets;

/** Encodes the answer to one set-up. */
public final class AnswerWriter {
    private final Job job;
    private final StringBuilder text = new StringBuilder(512);

    public AnswerWriter(Job job) {
        this.job = job;
    }

    /** The answer as JSON, from the counts that `call` carries. */
    public byte[] write(Call call) {
        double score = job.score(call.counts);
        text.setLength(0);
        text.append("{\"call_id\":\"");
        JsonStringEncoder.getInstance().quoteAsString(call.callId, text);
        text.append("\",\"action\":\"").append(job.action(score)).append("\",\"score\":").append(score);
        text.append(",\"counts\":[");
        for (int i = 0; i < Job.COUNTS; i++) {
            if (i > 0) {
                text.append(',');
            }
            text.append(call.counts[i]);
        }
        return text.append("]}").toString().getBytes(StandardCharsets.UTF_8);
    }
}
