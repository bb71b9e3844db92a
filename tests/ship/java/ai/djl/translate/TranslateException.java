package ai.djl.translate; public class TranslateException extends Exception {}
