// Bytes in the storage and bytes that went there.
import type { Storage } from '@sortie/common/storage';
import { Counter, Gauge, type Registry } from 'prom-client';

export interface StorageMetrics {
  stored: Counter<'kind'>;
}

export function storageMetrics(registry: Registry, storage: Storage): StorageMetrics {
  new Gauge({
    name: 'sortie_storage_bytes',
    help: 'Room in the storage: free, and total.',
    labelNames: ['kind'],
    registers: [registry],
    async collect() {
      this.reset();
      const room = await storage.room().catch(() => null);
      if (!room) return;
      this.set({ kind: 'free' }, room.freeBytes);
      this.set({ kind: 'total' }, room.totalBytes);
    },
  });
  const stored = new Counter({
    name: 'sortie_stored_bytes_total',
    help: 'Bytes that this process has put into the storage: upload, layer.',
    labelNames: ['kind'],
    registers: [registry],
  });
  return { stored };
}
