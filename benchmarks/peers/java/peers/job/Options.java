package peers.job;

import java.util.HashMap;
import java.util.Map;

/** The arguments that the harness gives to every peer. */
public record Options(
        String bootstrap, String input, String output, long events, String group, String jobFile, String state) {

    /** Parse `--bootstrap S --input T --output T --events N --group G --job FILE`, and `--state` where there is one. */
    public static Options parse(String[] arguments) {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            given.put(arguments[i], arguments[i + 1]);
        }
        return new Options(
                need(given, "--bootstrap"),
                need(given, "--input"),
                need(given, "--output"),
                Long.parseLong(need(given, "--events")),
                need(given, "--group"),
                need(given, "--job"),
                given.get("--state"));
    }

    private static String need(Map<String, String> given, String name) {
        String value = given.get(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return value;
    }
}
