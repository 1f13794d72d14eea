// SPDX-License-Identifier: Apache-2.0
import { Narrator } from './narrator.ts';
import { Play } from './play.ts';
import { type ProofRow, prove, show } from './proof.ts';
import { type NodeChoice, setStage } from './stage.ts';
import { shortenedRows } from './timeline.ts';

/** How to run the demo. */
export interface DemoOptions {
  /** One DryRun plan and one live heal; else three heals and the refused fourth. */
  readonly isShort: boolean;
  readonly node: NodeChoice;
  readonly write: (text: string) => void;
  readonly isColoured: boolean;
  /** Aborts when the person has seen enough: everything is taken down. */
  readonly signal?: AbortSignal;
}

/** How a demo ended. */
export interface DemoResult {
  readonly kind: 'real' | 'process';
  readonly rows: readonly ProofRow[];
  /** True when every row of the proof holds. */
  readonly isProven: boolean;
}

const RESTARTS_OF_FULL = 3;

/**
 * Sets the stage, plays the story, shows the proof, takes everything down.
 * @throws when an act does not happen in time; the operator's last log lines are told first
 */
export const runDemo = async (options: DemoOptions): Promise<DemoResult> => {
  const narrator = new Narrator(options.write, options.isColoured);
  narrator.chapter('The stage');
  const onProgress = (line: string): void => narrator.say('stage', line);
  const stage = await setStage({ node: options.node, onProgress });
  const play = new Play(stage, narrator);
  try {
    narrator.say(
      'stage',
      stage.kind === 'real' ? 'a real node: kubelet, containerd, runc' : 'a process node',
    );
    narrator.say('stage', 'shortened, so that hours fit into minutes:');
    narrator.list(shortenedRows());
    await play.open();
    narrator.chapter('A leak, and what Homeostat would do (DryRun)');
    const simulated = await play.dryRun();
    narrator.chapter('The same, live (Auto)');
    await play.goLive();
    const restarts = options.isShort ? 1 : RESTARTS_OF_FULL;
    const healed = await play.heal(restarts);
    let escalated = null;
    if (!options.isShort) {
      narrator.chapter('The leak recurs: the guard says stop');
      escalated = await play.escalate();
    }
    play.close();
    narrator.chapter('The proof');
    const rows = await prove(stage, { simulated, healed, escalated }, restarts);
    show(narrator, rows);
    return { kind: stage.kind, rows, isProven: rows.every(({ holds }) => holds) };
  } catch (error) {
    narrator.chapter('It did not happen. The operator says:');
    narrator.list((await stage.operatorLogs().catch(() => '')).split('\n').slice(-60));
    throw error;
  } finally {
    play.close();
    await stage.stop();
  }
};
