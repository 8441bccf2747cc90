// Signing in with a name and a password: counted and queued before anything is computed.
import type { User } from '@sortie/common/users';
import { RestError } from '../arcgis/errors.js';
import { FairQueue } from './fair-queue.js';
import { Limits, networkOf, type Wait } from './limits.js';

/** Checks one password; takes long, and much memory. */
export type Check = (username: string, password: string) => Promise<User | null>;

export interface Attempt {
  username: string;
  password: string;
  /** From where. */
  address: string;
}

/** Longer ones are wrong without a look: nobody has them, and they would only fill our memory. */
const longest = 256;
/** About what a queue that is full takes to have a place again. */
const fullMs = 5_000;

const tooMany = ({ waitMs }: Wait): RestError =>
  new RestError(429, 'Too many wrong passwords; wait a minute.', [], Math.ceil(waitMs / 1000));
const full = (): RestError =>
  new RestError(503, 'Too many are signing in at this moment; try again in some seconds.', [], fullMs / 1000);

export class Passwords {
  private readonly queue = new FairQueue();

  constructor(
    private readonly check: Check,
    private readonly limits = new Limits(),
  ) {}

  /** Null when the name or the password is wrong. Throws 429 or 503, with the time to wait, what is not looked at. */
  async signIn({ username, password, address }: Attempt): Promise<User | null> {
    if (username.length > longest || password.length > longest) return null;
    const waitMs = this.limits.waitMs(address, username);
    if (waitMs > 0) throw tooMany({ waitMs });
    const lane = this.limits.isKnown(address, username) ? 'known' : 'strangers';
    const answer = this.queue.run(lane, networkOf(address), async () => {
      // Those before it in the queue may have used the budget up.
      const taken = this.limits.take(address, username);
      if ('waitMs' in taken) throw tooMany(taken);
      const user = await this.check(username, password);
      if (user) taken.right();
      return user;
    });
    if (answer === null) throw full();
    return answer;
  }
}
