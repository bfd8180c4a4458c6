package peers.flink;

import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.kafka.clients.producer.ProducerRecord;
import peers.job.AnswerWriter;
import peers.job.Call;
import peers.job.Job;

/** Writes the answer to each set-up, keyed like the set-up. */
final class AnswerSerializer implements KafkaRecordSerializationSchema<Call> {
    private static final long serialVersionUID = 1;

    private final String topic;
    private final Job job;
    private transient AnswerWriter writer;

    AnswerSerializer(String topic, Job job) {
        this.topic = topic;
        this.job = job;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Call call, KafkaSinkContext context, Long timestamp) {
        if (writer == null) {
            writer = new AnswerWriter(job);
        }
        return new ProducerRecord<>(topic, null, call.key, writer.write(call));
    }
}
