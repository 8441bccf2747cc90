{
  "variables": { "sanitize%": "" },
  "target_defaults": {
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags": ["-Wall", "-Wextra", "-Wno-missing-field-initializers"],
    "cflags_cc": ["-std=c++17", "-fexceptions", "-ffp-contract=off"],
    "conditions": [
      ["sanitize!=''", { "cflags": ["-g", "-fno-omit-frame-pointer", "-fsanitize=<(sanitize)"], "ldflags": ["-fsanitize=<(sanitize)"] }]
    ]
  },
  "targets": [
    {
      "target_name": "sortie",
      "sources": [
        "src/addon.cc",
        "src/audio.cc",
        "src/codec-string.cc",
        "src/common.cc",
        "src/continuity.cc",
        "src/convert.cc",
        "src/demux.cc",
        "src/engine.cc",
        "src/fragment.cc",
        "src/info.cc",
        "src/letterbox.cc",
        "src/mux.cc",
        "src/nvidia/decoder.cc",
        "src/nvidia/device.cc",
        "src/nvidia/driver.cc",
        "src/nvidia/encoder.cc",
        "src/nvidia/filter-bank.cc",
        "src/nvidia/preflight.cc",
        "src/nvidia/scaler.cc",
        "src/nvidia/surface.cc",
        "src/nvidia/upload.cc",
        "src/nvidia/upright.cc",
        "src/rung.cc",
        "src/software/decoder.cc",
        "src/software/encoder.cc",
        "src/software/pace.cc",
        "src/software/scaler.cc",
        "src/software/tonemap.cc",
        "src/software/upright.cc",
        "src/sound.cc",
        "src/still.cc",
        "src/task.cc",
        "src/timeline.cc",
        "src/tonemap.cc",
        "src/verify.cc",
        "src/wild.cc"
      ],
      "include_dirs": ["src", "<!@(node -p \"require('node-addon-api').include_dir\")"],
      # What a callback throws while Node is going down has nowhere to go (Error::ThrowAsJavaScriptException of node-addon-api).
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "__STDC_CONSTANT_MACROS"],
      "cflags": ["<!@(pkg-config --cflags libavformat libavcodec libavfilter libswscale libswresample libavutil)"],
      "libraries": ["<!@(pkg-config --libs libavformat libavcodec libavfilter libswscale libswresample libavutil)", "-ldl", "-pthread"]
    },
    {
      "target_name": "sortie-confine",
      "type": "executable",
      "sources": [
        "src/confine/filter.cc",
        "src/confine/landlock.cc",
        "src/confine/limits.cc",
        "src/confine/main.cc",
        "src/confine/options.cc",
        "src/confine/privileges.cc",
        "src/confine/program.cc",
        "src/confine/reach.cc",
        "src/confine/user.cc"
      ]
    }
  ]
}
