// Sequence parameter sets of H.264 and HEVC, as far as a driver's parser decides by them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace standin {

struct SequenceSet {
  /** As they stand in the stream, header included; empty when there is none. */
  std::vector<uint8_t> bytes;
  /** Surfaces that decoding needs (VkParserSequenceInfo::nMinNumDecodeSurfaces of NVIDIA's published parser). */
  int surfaces = 0;
  /** Aspect of a sample; 0 when it is not told, or not read (HEVC). */
  int sampleWidth = 0;
  int sampleHeight = 0;
};

/** The aspect code of an MPEG-2 sequence header (ISO 13818-2, table 6-3) when there is one, else 0. */
int findAspectCode(const uint8_t* data, size_t size);

/** The last sequence parameter set in an Annex B stream (ITU-T H.264, H.265); without bytes when there is none. */
SequenceSet findSequenceSet(const uint8_t* data, size_t size, bool hevc);

}  // namespace standin
