package peers.flink;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.environment.LocalStreamEnvironment;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import peers.job.Call;
import peers.job.Job;
import peers.job.Options;

/** The common job as a Flink application: parallelism 1, everything chained into one task. */
public final class CommonJob {
    private static final int MIB = 1 << 20;
    private static final Duration CHECKPOINTS_EVERY = Duration.ofSeconds(10);
    private static final TypeInformation<Call> CALL = TypeInformation.of(Call.class);

    private CommonJob() {}

    public static void main(String[] arguments) throws Exception {
        Options options = Options.parse(arguments);
        Job job = Job.read(options.jobFile());
        LocalStreamEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(1, configuration());
        DataStream<Call> calls =
                environment.fromSource(source(options), WatermarkStrategy.noWatermarks(), "calls", CALL);
        // One partition and one task: the stream is partitioned as a keyBy would leave it, so that no network buffer
        // and no serialiser is needed between the operators.
        DataStream<Call> counted = DataStreamUtils.reinterpretAsKeyedStream(calls, call -> call.trunk, Types.STRING)
                .process(new TrunkFunction(job))
                .returns(CALL);
        DataStreamUtils.reinterpretAsKeyedStream(counted, call -> call.caller, Types.STRING)
                .process(new CallerFunction(job))
                .returns(CALL)
                .sinkTo(sink(options, job));
        environment.execute("common job");
    }

    private static Configuration configuration() {
        String folder = System.getenv().getOrDefault("TMPDIR", "/tmp");
        Configuration configuration = new Configuration();
        configuration.set(StateBackendOptions.STATE_BACKEND, "hashmap");
        configuration.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, CHECKPOINTS_EVERY);
        configuration.set(CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.AT_LEAST_ONCE);
        configuration.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        configuration.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, "file://" + folder + "/checkpoints");
        configuration.set(PipelineOptions.OBJECT_REUSE, true);
        configuration.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ZERO); // the heap backend needs none
        return configuration;
    }

    private static KafkaSource<Call> source(Options options) {
        TopicPartition partition = new TopicPartition(options.input(), 0);
        return KafkaSource.<Call>builder()
                .setBootstrapServers(options.bootstrap())
                .setTopics(options.input())
                .setGroupId(options.group())
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setBounded(OffsetsInitializer.offsets(Map.of(partition, options.events())))
                .setDeserializer(new CallDeserializer())
                .setProperty(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "5000")
                .setProperty(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, Integer.toString(4 * MIB))
                .build();
    }

    private static KafkaSink<Call> sink(Options options, Job job) {
        Properties properties = new Properties();
        properties.put(ProducerConfig.ACKS_CONFIG, "all");
        properties.put(ProducerConfig.BATCH_SIZE_CONFIG, Integer.toString(MIB / 4));
        properties.put(ProducerConfig.LINGER_MS_CONFIG, "100");
        properties.put(ProducerConfig.BUFFER_MEMORY_CONFIG, Integer.toString(64 * MIB));
        return KafkaSink.<Call>builder()
                .setBootstrapServers(options.bootstrap())
                .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .setKafkaProducerConfig(properties)
                .setRecordSerializer(new AnswerSerializer(options.output(), job))
                .build();
    }
}
