package peers.job;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/** Decodes call events with Jackson's streaming parser; values that the job does not need are skipped, not built. */
public final class CallReader {
    private static final int MAX_LENGTH = 16;
    private static final long HASHED = 1L << 62;
    private static final JsonFactory JSON = new JsonFactory();

    private CallReader() {}

    /** Fill `call` from the JSON of one event. */
    public static void read(byte[] value, Call call) throws IOException {
        call.clear();
        try (JsonParser parser = JSON.createParser(value, 0, value.length)) {
            parser.nextToken();
            String name;
            while ((name = parser.nextFieldName()) != null) {
                JsonToken token = parser.nextToken();
                switch (name) {
                    case "type" -> call.isSetup = "call_setup".equals(parser.getText());
                    case "call_id" -> call.callId = parser.getText();
                    case "trunk_group_id" -> call.trunk = parser.getText();
                    case "called_number" -> call.called = number(parser);
                    case "setup_time_ms" -> call.setupMs = parser.getLongValue();
                    case "end_time_ms" -> call.endMs = parser.getLongValue();
                    case "answer_time_ms" -> {
                        if (token != JsonToken.VALUE_NULL) {
                            call.answerMs = parser.getLongValue();
                        }
                    }
                    default -> parser.skipChildren();
                }
            }
        }
    }

    /** A telephone number as an integer: its digits, exactly, where it is "+" and digits; else a 62-bit hash. */
    private static long number(JsonParser parser) throws IOException {
        char[] text = parser.getTextCharacters();
        int at = parser.getTextOffset();
        int length = parser.getTextLength();
        if (length < 2 || length > MAX_LENGTH || text[at] != '+') {
            return hash(text, at, length);
        }
        long number = length;
        for (int i = 1; i < length; i++) {
            int digit = text[at + i] - '0';
            if (digit < 0 || digit > 9) {
                return hash(text, at, length);
            }
            number = number * 10 + digit;
        }
        return number;
    }

    private static long hash(char[] text, int at, int length) {
        long hash = 0xCBF29CE484222325L;
        for (int i = 0; i < length; i++) {
            hash = (hash ^ text[at + i]) * 0x100000001B3L;
            hash ^= hash >>> 29;
        }
        return hash | HASHED;
    }
}
