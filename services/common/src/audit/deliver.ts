// The way of audit events to the Job service.
import type { AuditEvent, AuditServiceClient } from '../gen/sortie/audit/v1/audit.js';
import { call } from '../grpc.js';

export const deliverTo =
  (client: AuditServiceClient) =>
  async (events: AuditEvent[]): Promise<void> => {
    await call(client.recordEvents.bind(client), { events });
  };
