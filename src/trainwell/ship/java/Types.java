package trainwell;

import java.util.List;

/** Generic types as classes, which DJL asks for. */
final class Types {

    private Types() {}

    @SuppressWarnings("unchecked")
    static Class<List<Column>> columns() {
        return (Class<List<Column>>) (Class<?>) List.class;
    }
}
