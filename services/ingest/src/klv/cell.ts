// Metadata AU cells (ISO/IEC 13818-1 clause 2.12.4.2): service_id, sequence_number, flags, and the length of what follows.

export const cellHeader = 5;

/** cell_fragment_indication: 3 whole, 2 first, 0 middle, 1 last. */
export const fragmentOf = (bytes: Buffer, at: number): number => (bytes[at + 2] ?? 0) >> 6;
