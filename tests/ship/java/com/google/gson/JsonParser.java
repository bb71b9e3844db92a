package com.google.gson; public class JsonParser { public static JsonElement parseString(String text) { return null; } }
