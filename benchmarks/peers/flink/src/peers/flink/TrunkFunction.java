package peers.flink;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import peers.job.Call;
import peers.job.Job;
import peers.job.TrunkState;

/** Keyed by trunk group: counts each set-up and passes every event on. */
final class TrunkFunction extends KeyedProcessFunction<String, Call, Call> {
    private static final long serialVersionUID = 1;

    private final Job job;
    private transient ValueState<byte[]> state;

    TrunkFunction(Job job) {
        this.job = job;
    }

    @Override
    public void open(OpenContext context) {
        state = getRuntimeContext()
                .getState(new ValueStateDescriptor<>("trunk", PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
    }

    @Override
    public void processElement(Call call, Context context, Collector<Call> out) throws Exception {
        if (call.isSetup) {
            state.update(TrunkState.setup(state.value(), call.setupMs, job, call.counts));
        }
        out.collect(call);
    }
}
