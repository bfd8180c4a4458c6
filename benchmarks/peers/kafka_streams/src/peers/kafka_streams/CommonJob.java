package peers.kafka_streams;

import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import peers.job.Job;
import peers.job.Options;

/** The common job as a Kafka Streams application: one thread, one processor, two key-value stores. */
public final class CommonJob {
    private static final int MIB = 1 << 20;
    private static final int MOST_KEYS = 4_000_000;
    private static final long COMMIT_MS = 10_000;

    private CommonJob() {}

    public static void main(String[] arguments) throws Exception {
        Options options = Options.parse(arguments);
        CountDownLatch done = new CountDownLatch(1);
        KafkaStreams streams = new KafkaStreams(topology(options, done), properties(options));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        done.await();
        streams.close();
    }

    private static Topology topology(Options options, CountDownLatch done) throws Exception {
        Job job = Job.read(options.jobFile());
        Set<StoreBuilder<?>> stores =
                Set.of(store(CallProcessor.CALLERS, options.state()), store(CallProcessor.TRUNKS, options.state()));
        ProcessorSupplier<byte[], byte[], byte[], byte[]> supplier = new ProcessorSupplier<>() {
            @Override
            public Processor<byte[], byte[], byte[], byte[]> get() {
                return new CallProcessor(job, options.events(), done);
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return stores;
            }
        };
        return new Topology()
                .addSource("calls", new ByteArrayDeserializer(), new ByteArrayDeserializer(), options.input())
                .addProcessor("job", supplier, "calls")
                .addSink("answers", options.output(), new ByteArraySerializer(), new ByteArraySerializer(), "job");
    }

    /** State is bytes already, so the byte serdes hand the array over as it is. */
    private static StoreBuilder<KeyValueStore<Bytes, byte[]>> store(String name, String state) {
        KeyValueBytesStoreSupplier kept = state.equals("rocksdb")
                ? Stores.persistentKeyValueStore(name)
                : Stores.lruMap(name, MOST_KEYS);
        StoreBuilder<KeyValueStore<Bytes, byte[]>> builder =
                Stores.keyValueStoreBuilder(kept, Serdes.Bytes(), Serdes.ByteArray());
        return switch (state) {
            case "logged", "rocksdb" -> builder.withCachingEnabled()
                    .withLoggingEnabled(Map.of(TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(8 * MIB)));
            case "memory" -> builder.withCachingDisabled().withLoggingDisabled();
            default -> throw new IllegalArgumentException("--state is logged, rocksdb or memory, not " + state);
        };
    }

    private static Properties properties(Options options) {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, options.group());
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.bootstrap());
        properties.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv().getOrDefault("TMPDIR", "/tmp") + "/streams");
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, COMMIT_MS);
        properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 512L * MIB);
        properties.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        properties.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
        properties.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 * MIB);
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.ACKS_CONFIG), "all");
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), MIB / 4);
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 64L * MIB);
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.MAX_REQUEST_SIZE_CONFIG), 8 * MIB);
        return properties;
    }
}
