package peers.flink;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import peers.job.Call;
import peers.job.CallReader;

/** Decodes into one object that is filled again for each record: with object reuse nobody downstream keeps it. */
final class CallDeserializer implements KafkaRecordDeserializationSchema<Call> {
    private static final long serialVersionUID = 1;

    private transient Call call;

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Call> out) throws IOException {
        if (call == null) {
            call = new Call();
        }
        CallReader.read(record.value(), call);
        call.key = record.key();
        call.caller = new String(record.key(), StandardCharsets.UTF_8);
        out.collect(call);
    }

    @Override
    public TypeInformation<Call> getProducedType() {
        return TypeInformation.of(Call.class);
    }
}
