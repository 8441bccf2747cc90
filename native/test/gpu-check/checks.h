// The checks, each of which prints rows of the table.
#pragma once
#include <filesystem>
#include <vector>

#include "nvidia/device.h"

namespace gpucheck {

using Folder = std::filesystem::path;
using sortie::nvidia::DevicePtr;

/** The test vectors in a folder, sorted. */
std::vector<std::filesystem::path> vectorsIn(const Folder& folder);

/** What is there: the card, the driver, its libraries. */
void machine();
/** The trial that a worker makes at its start. */
void preflight();
/** NVDEC against what libavcodec made of the vectors. */
void codecs(const DevicePtr& device, const Folder& folder);
/** Writes what libavcodec makes of the vectors. */
void writeReference(const Folder& folder);
/** Every kernel over noise, on the card and in its CPU build. */
void kernels(const DevicePtr& device);
/** Decodes and scales a little: for compute-sanitizer, too. */
void pipeline(const DevicePtr& device, const Folder& folder);
/** Frames a second with one decoder and with several. */
void speed(const DevicePtr& device, const Folder& folder);
/** Where the time of a frame goes. */
void parts(const DevicePtr& device, const Folder& folder);
/** From nothing to the first picture; in a process of its own. */
void start(const Folder& folder);
/** A frame that is kept for 5 s while decoding goes on. */
void hold(const DevicePtr& device, const Folder& folder);
/** Memory on the card and on the host over many runs. */
void memory(const DevicePtr& device, const Folder& folder);
/** What NVENC can do, and its pictures; or the reason why there is none. */
void nvenc(const DevicePtr& device, const Folder& folder);

}  // namespace gpucheck
