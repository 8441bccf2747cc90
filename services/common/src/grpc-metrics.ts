// Measures every call of a gRPC server. Calls of methods that do not exist never get here, so the labels are few.
import { ServerInterceptingCall, status, type ServerInterceptor } from '@grpc/grpc-js';
import { Histogram, type Registry } from 'prom-client';

/** From a book read to an upload of an hour. */
const buckets = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600, 3600];

export function measureCalls(registry: Registry): ServerInterceptor {
  const duration = new Histogram({
    name: 'sortie_grpc_request_duration_seconds',
    help: 'Calls of this gRPC server by method and status; streams count until their end.',
    labelNames: ['method', 'code'],
    buckets,
    registers: [registry],
  });
  return (method, call) => {
    const end = duration.startTimer({ method: method.path.replace(/^\//, '') });
    let ended = false;
    const once = (code: status): void => {
      if (!ended) end({ code: status[code] });
      ended = true;
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onCancel: () => once(status.CANCELLED),
        }),
      sendStatus: (sent, next) => {
        once(sent.code ?? status.OK);
        next(sent);
      },
    });
  };
}
