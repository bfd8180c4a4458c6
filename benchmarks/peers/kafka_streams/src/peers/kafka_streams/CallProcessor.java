package peers.kafka_streams;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import peers.job.AnswerWriter;
import peers.job.Call;
import peers.job.CallReader;
import peers.job.CallerState;
import peers.job.Job;
import peers.job.TrunkState;

/** Counts each call in the stores of its number and its trunk group and answers each set-up. */
final class CallProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    static final String CALLERS = "callers";
    static final String TRUNKS = "trunks";

    private final Job job;
    private final AnswerWriter writer;
    private final CountDownLatch done;
    private final Call call = new Call();
    private final Map<String, Bytes> trunkKeys = new HashMap<>();
    private long left;
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<Bytes, byte[]> callers;
    private KeyValueStore<Bytes, byte[]> trunks;

    CallProcessor(Job job, long events, CountDownLatch done) {
        this.job = job;
        this.writer = new AnswerWriter(job);
        this.left = events;
        this.done = done;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> given) {
        context = given;
        callers = given.getStateStore(CALLERS);
        trunks = given.getStateStore(TRUNKS);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        try {
            CallReader.read(record.value(), call);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        Bytes caller = Bytes.wrap(record.key());
        if (call.isSetup) {
            Bytes trunk = trunkKeys.computeIfAbsent(call.trunk, name -> Bytes.wrap(name.getBytes()));
            trunks.put(trunk, TrunkState.setup(trunks.get(trunk), call.setupMs, job, call.counts));
            callers.put(caller, CallerState.setup(callers.get(caller), call.setupMs, call.called, job, call.counts));
            context.forward(record.withValue(writer.write(call)));
        } else if (call.isAnswered()) {
            callers.put(caller, CallerState.answered(callers.get(caller), call.endMs, job.isShort(call), job));
        }
        if (--left == 0) {
            done.countDown();
        }
    }
}
