import { State } from '@sortie/common/gen/sortie/job/v1/job';

const ended: readonly State[] = [State.STATE_SUCCEEDED, State.STATE_FAILED, State.STATE_CANCELLED];

/** Whether nothing can happen to a job any more. */
export const isEnded = (state: State): boolean => ended.includes(state);
