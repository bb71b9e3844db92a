package trainwell;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.function.ToDoubleFunction;
import java.util.stream.StreamSupport;

/**
 * Some rows of one input of the network, row after row.
 *
 * @param name as the ONNX file has it
 * @param type string, float64, float32, int64, int32 or uint8
 * @param shape rows first
 * @param cells null for an empty number
 */
public record Column(String name, String type, long[] shape, JsonArray cells) {

    /** Reads one column of {@code rows.json}. */
    public static Column of(JsonObject json) {
        JsonArray sides = json.getAsJsonArray("shape");
        long[] shape = new long[sides.size()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = sides.get(i).getAsLong();
        }
        return new Column(
                json.get("name").getAsString(), json.get("type").getAsString(), shape, json.getAsJsonArray("cells"));
    }

    /** Empty numbers are NaN. */
    public double[] doubles() {
        ToDoubleFunction<JsonElement> number = cell -> cell.isJsonNull() ? Double.NaN : cell.getAsDouble();
        return StreamSupport.stream(cells.spliterator(), false).mapToDouble(number).toArray();
    }

    /** Empty numbers are NaN. */
    public float[] floats() {
        double[] wide = doubles();
        float[] narrow = new float[wide.length];
        for (int i = 0; i < wide.length; i++) {
            narrow[i] = (float) wide[i];
        }
        return narrow;
    }

    /** Whole numbers; moments as microseconds since 1970. */
    public long[] longs() {
        return StreamSupport.stream(cells.spliterator(), false).mapToLong(JsonElement::getAsLong).toArray();
    }

    /** Codes. */
    public int[] ints() {
        return StreamSupport.stream(cells.spliterator(), false).mapToInt(JsonElement::getAsInt).toArray();
    }

    /** Pixels. */
    public byte[] bytes() {
        int[] wide = ints();
        byte[] narrow = new byte[wide.length];
        for (int i = 0; i < wide.length; i++) {
            narrow[i] = (byte) wide[i];
        }
        return narrow;
    }

    /** Labels; empty ones are empty text. */
    public String[] texts() {
        return StreamSupport.stream(cells.spliterator(), false).map(JsonElement::getAsString).toArray(String[]::new);
    }
}
