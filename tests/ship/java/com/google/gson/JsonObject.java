package com.google.gson; public class JsonObject extends JsonElement { public JsonElement get(String name) { return null; } public JsonArray getAsJsonArray(String name) { return null; } }
