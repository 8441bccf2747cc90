// All files of a layer, from what the steps before have made: neither more nor fewer are saved.
import type { EnginePlan, EngineResult } from '@sortie/native';
import { engineFiles } from '../engine/layout.js';
import { telemetryFiles } from '../telemetry/paths.js';
import { abrDescription, abrPlaylist } from './abr.js';
import type { TelemetryFiles } from './extract-klv.js';
import { previewsIndex } from './previews.js';

export interface LayerParts {
  plan: EnginePlan;
  made: EngineResult;
  telemetry: TelemetryFiles | null;
  /** Paths of the media playlists. */
  playlists: readonly string[];
}

export const layerFiles = ({ plan, made, telemetry, playlists }: LayerParts): Map<string, boolean> =>
  new Map([
    ...engineFiles(plan, made),
    ...(telemetry ? telemetryFiles(made.rungs[0]?.segments.length ?? 0) : new Map<string, boolean>()),
    ...[...playlists, abrPlaylist, abrDescription, previewsIndex].map((path) => [path, true] as const),
  ]);
