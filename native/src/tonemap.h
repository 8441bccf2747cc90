// High dynamic range (BT.2100 PQ and HLG) to BT.709: the table that both the CPU and the GPU look up.
#pragma once
#include <vector>

namespace sortie {

/** 33³ nodes of (Y', Cb', Cr') in ten bits, limited range: 8-bit luma, and pairs of 8-bit chroma, as floating point. */
struct ToneTable {
  std::vector<float> luma;
  std::vector<float> chroma;
};

/** `pq`: SMPTE ST 2084; else HLG (ARIB STD-B67). */
ToneTable makeToneTable(bool pq);

}  // namespace sortie
