// The steps of a job as they come: rewritten in place on a terminal, one line each elsewhere.
import type { WriteStream } from 'node:tty';
import type { JobView } from './rest.js';

const barWidth = 28;
const marks: Record<string, string> = { succeeded: '✓', failed: '✗', cancelled: '–', running: '●' };

const clock = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
};

export function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * barWidth);
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${String(Math.round(share * 100)).padStart(3)} %`;
}

/** Lines that show the job; pure, so that both kinds of output and the tests share them. */
export function jobLines(job: JobView): { steps: string[]; footer: string } {
  const details = job.customAttributes.sortie;
  if (!details) return { steps: [], footer: job.status };
  const steps = details.steps.map(
    ({ text, state, detail }) => `  ${marks[state] ?? ' '} ${text.padEnd(30)}${detail === '' ? '' : ` ${detail}`}`,
  );
  const { currentStep: now } = details;
  const pace = [
    now && now.fps > 0 ? `${now.fps.toFixed(0)} frames/s` : '',
    now?.remainingSeconds != null ? `${clock(now.remainingSeconds)} left` : '',
  ].filter((part) => part !== '');
  return { steps, footer: `  ${bar(details.progress)}  ${pace.join('  ')}`.trimEnd() };
}

export class StepList {
  private drawn = 0;
  private printed = new Set<string>();

  constructor(private readonly out: NodeJS.WriteStream | WriteStream) {}

  show(job: JobView): void {
    const { steps, footer } = jobLines(job);
    if (this.out.isTTY) this.redraw([...steps, footer]);
    else this.append(job, steps);
  }

  /** A line that stays, above the list. */
  say(line: string): void {
    if (this.out.isTTY && this.drawn > 0) this.out.write(`\u001b[${this.drawn}A\u001b[J`);
    this.drawn = 0;
    this.out.write(`  ${line}\n`);
  }

  private redraw(lines: string[]): void {
    const width = this.out.columns;
    const cut = lines.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line));
    // Cursor up over what was drawn, then clear to the end of the screen (ECMA-48 CUU, ED).
    this.out.write(`${this.drawn > 0 ? `\u001b[${this.drawn}A` : ''}\u001b[J${cut.join('\n')}\n`);
    this.drawn = cut.length;
  }

  private append(job: JobView, lines: string[]): void {
    job.customAttributes.sortie?.steps.forEach(({ text, state, attempt }, index) => {
      if (state === 'running' || this.printed.has(`${attempt} ${text}`)) return;
      this.printed.add(`${attempt} ${text}`);
      this.out.write(`${lines[index] ?? ''}\n`);
    });
  }
}
