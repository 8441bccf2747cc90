#!/usr/bin/env bash
# Builds the addon and sortie-confine into build/Release, and the TypeScript into dist. Does nothing when both are fresh.
set -euo pipefail
cd "$(dirname "$0")"

# node-gyp would download Node's headers; where they lie beside the running node it needs no network.
prefix="$(dirname "$(dirname "$(node -p process.execPath)")")"
nodedir=()
[ -f "$prefix/include/node/node_api.h" ] && nodedir=(--nodedir="$prefix")

# The stamp names all that the binary depends on. Node-API is stable across Node versions, but a new Node may bring new
# build rules, and new FFmpeg packages a new ABI.
stamp="$({ node -p 'process.version + process.arch'; pkg-config --modversion libavformat libavcodec libavfilter; \
  cat binding.gyp build.sh; find src -type f -print0 | sort -z | xargs -0 cat; } | sha256sum | cut -d' ' -f1)"
if [ "$(cat build/stamp 2>/dev/null)" != "$stamp" ] || [ ! -f build/Release/sortie.node ] || [ ! -x build/Release/sortie-confine ]; then
  command -v pkg-config >/dev/null && pkg-config --exists libavformat libavcodec libavfilter libswscale libswresample || {
    echo "The FFmpeg development packages are missing: apt-get install pkg-config libavformat-dev libavcodec-dev libavfilter-dev libswscale-dev libswresample-dev" >&2
    exit 1
  }
  configured="$({ node -p process.version; cat binding.gyp; } | sha256sum)"
  if [ "$(cat build/configured 2>/dev/null)" != "$configured" ]; then
    npx --no-install node-gyp configure --silent "${nodedir[@]}"
    echo "$configured" > build/configured
  fi
  npx --no-install node-gyp build --silent --jobs "$(nproc)"
  echo "$stamp" > build/stamp
fi
npx --no-install tsc --build .
