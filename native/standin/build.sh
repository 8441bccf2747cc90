#!/usr/bin/env bash
# Builds libcuda.so.1, libnvcuvid.so.1 and libnvidia-encode.so.1 of this folder into build/, when a source is newer.
# FLAGS, e.g. -fsanitize=thread, go to the compiler; OUT is another folder for the result; LIBAV is another libavcodec than the system's.
set -euo pipefail
cd "$(dirname "$0")"
out="${OUT:-build}"
mkdir -p "$out"
stamp="$(cat ./*.cc ./*.h ../src/nvidia/kernels.cu ../src/nvidia/p*.h ../src/tonemap-table.h build.sh | sha256sum | cut -d' ' -f1) ${FLAGS:-} ${LIBAV:-}"
if [ "$(cat "$out/stamp" 2>/dev/null)" != "$stamp" ]; then
  read -ra extra <<< "${FLAGS:-}"
  compile=(g++ -std=c++17 -O2 -g1 -fPIC -shared -Wall -Wextra -Wno-missing-field-initializers -ffp-contract=off -I../src "${extra[@]}")
  read -ra libav <<< "${LIBAV:-$(pkg-config --cflags --libs libavcodec libavutil)}"
  "${compile[@]}" -o "$out/libcuda.so.1" core.cc stream.cc kernels.cc cuda.cc -Wl,-soname,libcuda.so.1 -pthread -ldl
  # One after the other would take twice as long.
  "${compile[@]}" -o "$out/libnvcuvid.so.1" cuvid.cc parameter-sets.cc -Wl,-soname,libnvcuvid.so.1 "$out/libcuda.so.1" "${libav[@]}" -Wl,-rpath,'$ORIGIN' &
  "${compile[@]}" -o "$out/libnvidia-encode.so.1" nvenc.cc coder-avc.cc coder-hevc.cc -Wl,-soname,libnvidia-encode.so.1 "$out/libcuda.so.1" -Wl,-rpath,'$ORIGIN'
  wait $!
  echo "$stamp" > "$out/stamp"
fi
