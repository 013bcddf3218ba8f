/* Types that several modules share. Only the type checker reads this file. */

/** Of a message from Python; `core/live` and the two `protocol` modules say what it holds. */
type Header = Record<string, any>;
type Message = { header: Header; payload: ArrayBuffer };

type Part = { sha256: string; bytes: number };

type Model = {
  id: string;
  size: number;
  /** Share of the shorter edge that the model sees. */
  crop: number;
  parts: Record<string, Part>;
  threshold?: number;
  /** null where there are no training pictures to compare a camera with. */
  check?: { frames: number; missing: string } | null;
};

type RuntimeFile = [address: string, sha256: string];

/** What Python sends when a view opens. */
type ViewData = {
  /** Most classes that are shown. */
  count: number;
  runtime: Record<string, RuntimeFile> | null;
  model: Model;
  /** Hex colours of the heat map. */
  ramp?: string[];
};

type Prediction = {
  probabilities: Float32Array;
  /** Over 1: not like the training pictures; null: not known. */
  oodScore: number | null;
  /** Evidence for a class by place. */
  heat: Float32Array | null;
  /** Where the model has several heads one after another. */
  headVersion?: number;
};

type Engine = import("./engines.js").BrowserEngine | import("./engines.js").ServerEngine;

type EngineOptions = {
  connection: import("./connection.js").Connection;
  model: Model;
  runtime: ViewData["runtime"];
  /** Of the modules, by name. */
  urls: Record<string, string>;
  onProgress: (text: string, share?: number) => void;
  /** Whether nobody waits for the engine any more. */
  superseded: () => boolean;
};

/** `current` is the probability of this frame alone. */
type Bar = { label: string; probability: number; current: number };

type Measure = { name: string; camera: string; training: string; difference: string };

type CapturedClass = { id: number; name: string; pictures: number[] };
