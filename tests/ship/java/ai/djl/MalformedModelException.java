package ai.djl; public class MalformedModelException extends Exception {}
