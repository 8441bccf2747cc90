// The text format of Prometheus, as far as prom-client writes it.
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** All samples that the program at `address` (http://host:port) gives. */
export async function scrape(address: string): Promise<Sample[]> {
  const text = await (await fetch(`${address}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!match) throw new Error(`not a sample: ${line}`);
      const [, name = '', labels = '', value = ''] = match;
      return {
        name,
        labels: Object.fromEntries(
          [...labels.matchAll(/\b(\w{1,100})="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text]),
        ),
        value: Number(value.replace('Nan', 'NaN')),
      };
    });
}
