// The first bytes of every packet (SMPTE ST 298).

export const labelStart = Buffer.from('060e2b34', 'hex');
export const labelBytes = 16;

export const startsWithLabel = (bytes: Buffer, at: number): boolean =>
  bytes[at] === 0x06 && bytes[at + 1] === 0x0e && bytes[at + 2] === 0x2b && bytes[at + 3] === 0x34;
