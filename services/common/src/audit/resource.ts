// How the audit log names what something was done to, wherever it is noted. Names of services are not told apart by case.

export const serviceResource = (serviceName: string): string => serviceName.toLowerCase();
export const layerResource = (serviceName: string, layerId: number): string =>
  `${serviceResource(serviceName)}/${layerId}`;
