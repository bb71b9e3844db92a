package ai.djl.translate; public interface TranslatorContext { ai.djl.ndarray.NDManager getNDManager(); }
