package peers.flink;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import peers.job.Call;
import peers.job.CallerState;
import peers.job.Job;

/** Keyed by calling number: counts set-ups and answered calls, passes set-ups on with all their counts. */
final class CallerFunction extends KeyedProcessFunction<String, Call, Call> {
    private static final long serialVersionUID = 1;

    private final Job job;
    private transient ValueState<byte[]> state;

    CallerFunction(Job job) {
        this.job = job;
    }

    @Override
    public void open(OpenContext context) {
        state = getRuntimeContext()
                .getState(new ValueStateDescriptor<>("caller", PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
    }

    @Override
    public void processElement(Call call, Context context, Collector<Call> out) throws Exception {
        if (call.isSetup) {
            state.update(CallerState.setup(state.value(), call.setupMs, call.called, job, call.counts));
            out.collect(call);
        } else if (call.isAnswered()) {
            state.update(CallerState.answered(state.value(), call.endMs, job.isShort(call), job));
        }
    }
}
