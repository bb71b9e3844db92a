package ai.djl.translate; public interface NoBatchifyTranslator<I, O> extends Translator<I, O> {}
