package trainwell;

import ai.djl.MalformedModelException;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.NoBatchifyTranslator;
import ai.djl.translate.TranslateException;
import ai.djl.translate.TranslatorContext;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** The network with its preparation: raw columns in, answers out. It may be used by several threads, each with a predictor. */
public final class Model implements AutoCloseable {

    private final ZooModel<List<Column>, double[]> model;

    /** Loads an ONNX file with DJL's engine for ONNX Runtime. */
    public Model(Path file) throws IOException, ModelNotFoundException, MalformedModelException {
        Criteria<List<Column>, double[]> criteria =
                Criteria.builder()
                        .setTypes(Types.columns(), double[].class)
                        .optModelPath(file)
                        .optEngine("OnnxRuntime")
                        .optTranslator(new Columns())
                        .build();
        model = criteria.loadModel();
    }

    /** Answers to some rows, one after the other: probabilities of all classes, or values. */
    public double[] predict(List<Column> columns) throws TranslateException {
        try (Predictor<List<Column>, double[]> predictor = model.newPredictor()) {
            return predictor.predict(columns);
        }
    }

    @Override
    public void close() {
        model.close();
    }

    private static final class Columns implements NoBatchifyTranslator<List<Column>, double[]> {

        @Override
        public NDList processInput(TranslatorContext context, List<Column> columns) {
            NDList inputs = new NDList();
            for (Column column : columns) {
                NDArray array = array(context.getNDManager(), column);
                array.setName(column.name());
                inputs.add(array);
            }
            return inputs;
        }

        @Override
        public double[] processOutput(TranslatorContext context, NDList outputs) {
            return outputs.get(outputs.size() - 1).toDoubleArray(); // before it, of classes, stand the labels
        }

        private static NDArray array(NDManager manager, Column column) {
            Shape shape = new Shape(column.shape());
            switch (column.type()) {
                case "string":
                    return manager.create(column.texts(), StandardCharsets.UTF_8, shape);
                case "float64":
                    return manager.create(column.doubles(), shape);
                case "float32":
                    return manager.create(column.floats(), shape);
                case "int64":
                    return manager.create(column.longs(), shape);
                case "int32":
                    return manager.create(column.ints(), shape);
                case "uint8":
                    return manager.create(
                            ByteBuffer.wrap(column.bytes()), shape, ai.djl.ndarray.types.DataType.UINT8);
                default:
                    throw new IllegalArgumentException("no column has the type " + column.type());
            }
        }
    }
}
