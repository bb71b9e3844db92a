package trainwell;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Asks the model about the sample rows and compares its answers with those of the training; ends with 1 where they differ. */
public final class SelfCheck {

    private static final double ALLOWED = 1e-5;

    private SelfCheck() {}

    /** Runs the check on the files of {@code model/}, or of the folder that is given. */
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments.length > 0 ? arguments[0] : "model");
        double[] expected = numbers(json(folder.resolve("expected.json")).getAsJsonArray("answers"));
        double unit = json(folder.resolve("expected.json")).get("unit").getAsDouble();
        try (Model model = new Model(folder.resolve("model.onnx"))) {
            double worst = difference(expected, model.predict(columns(json(folder.resolve("rows.json")))), unit);
            System.out.printf("%d answers, largest difference %.1e%n", expected.length, worst);
            System.exit(worst <= ALLOWED ? 0 : 1);
        }
    }

    /** The largest difference in units of the target; infinite where the numbers of answers differ. */
    static double difference(double[] expected, double[] found, double unit) {
        if (expected.length != found.length) {
            return Double.POSITIVE_INFINITY;
        }
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            double apart = Math.abs(expected[i] - found[i]) / Math.max(unit, unit == 1 ? 1 : Math.abs(expected[i]));
            worst = apart >= worst || Double.isNaN(apart) ? apart : worst;
        }
        return worst;
    }

    static List<Column> columns(JsonObject rows) {
        List<Column> found = new ArrayList<>();
        for (JsonElement column : rows.getAsJsonArray("columns")) {
            found.add(Column.of(column.getAsJsonObject()));
        }
        return found;
    }

    private static double[] numbers(JsonArray array) {
        double[] found = new double[array.size()];
        for (int i = 0; i < found.length; i++) {
            found[i] = array.get(i).getAsDouble();
        }
        return found;
    }

    private static JsonObject json(Path file) throws IOException {
        return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    }
}
