/** JSON of the routes under /satchel/v1. */

import type { ApiGraph, SavedGraph } from './comfy'

export type PlanState = 'present' | 'renamed' | 'missing' | 'login' | 'gone' | 'refused'

export interface PlannedModel {
  name: string
  /** Model folder of the host: `loras`, `checkpoints`, ... */
  directory: string
  state: PlanState
  /** Name of the file here that will be used. */
  local: string | null
  /** Host name of the site it comes from. */
  source: string | null
  /** Whether an installation would fetch it. */
  fetch: boolean
  bytes: number | null
  sha256?: string | null
  base_model?: string
  reason: string | null
  used_by: string[]
  /** Only nodes that do not run name it. */
  optional?: boolean
  licence?: string | null
  /** Civitai's licence flags. */
  permissions?: Record<string, boolean | string>
  /** Civitai's bit mask. */
  nsfw_level?: number | null
  gated?: boolean
  /** Its format can run code when it is loaded. */
  can_run_code?: boolean
  /** False for a host of none of the marketplaces. */
  known_source?: boolean
}

export interface PlannedPack {
  id: string | null
  repository: string | null
  version: string | null
  node_types: string[]
  state: 'installed' | 'other_version' | 'missing'
  installed_version: string | null
  /** What fetches it, for a person to run. */
  command: string | null
}

export interface Plan {
  models: PlannedModel[]
  /** Missing where nobody knows the folders of custom nodes. */
  node_packs?: PlannedPack[]
  bytes_to_fetch: number
  bytes_free: number
  /** Every model is here, if perhaps under another name. */
  ok: boolean
  /** There is something to fetch, and room for it. */
  installable: boolean
}

export interface Rewrite {
  node: string
  input: string
  old: string
  new: string
}

export interface PlanResult {
  plan: Plan
  graph: SavedGraph | null
  prompt: ApiGraph | null
  rewrites: Rewrite[]
  /** Files of a bundle that the input folder does not have; only of plans. */
  inputs?: { name: string; bytes: number }[]
}

export interface InstallResult extends PlanResult {
  installed: { directory: string; name: string; sha256: string; bytes: number }[]
}

export interface LockedModel {
  name: string
  directory: string
  sha256?: string | null
  size?: number | null
  sources?: { kind: string; url: string; air?: string }[]
  licence?: string | null
  permissions?: Record<string, boolean | string>
}

export interface ExportResult {
  graph: SavedGraph
  prompt: ApiGraph | null
  lock: {
    models: LockedModel[]
    node_packs?: { cnr_id?: string; aux_id?: string; version?: string; node_types?: string[] }[]
  }
  unresolved: { name: string; directory: string; reason: string }[]
  removed: string[]
  png_base64?: string
  webp_base64?: string
}

export interface BundleResult extends ExportResult {
  /** Id of the file to fetch. */
  file: string
  bytes: number
  left_out: string[]
}

/** Where somebody says that a model is published. */
export interface GivenReference {
  directory: string
  name: string
  reference: string
}

export interface ConvertedNode {
  /** Its id; `SUBGRAPH:ID` for one inside a subgraph's definition. */
  node: string
  from: string
  to: string
  rows: number
  /** Types of nodes that came along. */
  added: string[]
  /** What is not as it was, one sentence each. */
  notes: string[]
}

export interface KeptNode {
  node: string
  type: string
  reason: string
}

export interface ConvertResult {
  graph: SavedGraph
  converted: ConvertedNode[]
  kept: KeptNode[]
}

/** Which nodes to convert; all of them without it. */
export interface NodeSelection {
  types?: string[]
  nodes?: string[]
}

export interface Progress {
  job?: string
  state: 'hashing' | 'resolving' | 'previews' | 'downloading' | 'unpacking' | 'packing' | 'waiting' | 'done' | 'failed'
  name: string
  /** Bytes of the file named. */
  done: number
  total: number
  files_done: number
  files_total: number
}

export interface ErrorBody {
  code: string
  message: string
  hint?: string
  details?: Record<string, unknown>
}

export interface JobStatus {
  id: string
  state: 'running' | 'done' | 'failed' | 'cancelled'
  progress?: Progress
  result?: unknown
  error?: ErrorBody
}

/** A workflow as a graph, as a file's bytes, or as a bundle that was handed over before. */
export type SentDocument = { name?: string } & (
  | { json: SavedGraph | PostedGraph }
  | { base64: string }
  | { upload: string }
)

/** What a queue client posts: both forms of a graph. */
export interface PostedGraph {
  prompt: ApiGraph
  extra_data: { extra_pnginfo: { workflow: SavedGraph } }
}

export interface BlockSlot {
  name: string
  group: string
  /** null: the text gives slots no numbers of their own. */
  value: number | null
  /** Modules of the LoRA in this slot; null without a LoRA. */
  modules: number | null
  /** Some of its weights have another number. */
  filtered: boolean
}

export interface Blocks {
  text: string
  /** Why the text has no meaning here. */
  error: ErrorBody | null
  slots: BlockSlot[]
  /** An id; empty when nothing tells it. */
  architecture: string
  told_by: 'architecture' | 'model' | 'lora' | ''
  /** Whether the LoRA may be for the architecture. */
  fits: boolean
  /** The LoRA is in none of the folders. */
  lora_missing: boolean
  trained_for: string | null
  architectures: { id: string; title: string }[]
  presets: { name: string; own: boolean }[]
}

export interface BlocksRequest {
  text: string
  before?: string
  seed?: number
  values?: Record<string, number>
  architecture?: string
  model?: { directory: string; name: string } | null
  lora?: string
}

/** What is known of one LoRA; the server leaves out what is empty. */
export interface LoraCard {
  /** With `/`. */
  name: string
  /** Ids of the families of architectures that it may be for. */
  families: string[]
  base: string
  words: string[]
  /** When its picture was changed; 0 without one. */
  preview: number
}

export interface LoraCards {
  stamp: string
  /** Headers are still being read. */
  reading: boolean
  /** Of the model that was asked about. */
  model: { families: string[] } | null
  /** Left out when the stamp is the one that was sent. */
  loras?: (Partial<LoraCard> & { name: string })[]
  /** Id -> title. */
  families?: Record<string, string>
}

/** A file by its folder and its name in there. */
export interface LibraryFile {
  kind: string
  name: string
}

/** What the library shows of a file; the server leaves out what is empty. */
export interface LibraryModel {
  name: string
  directory: string
  size: number
  title?: string
  version?: string
  base?: string
  nsfw_level?: number
  /** When its picture was changed; 0 or left out without one. */
  preview?: number
  update?: boolean
  /** Other files with the same bytes. */
  copies?: number
  noted?: boolean
  known?: boolean
  hashed?: boolean
}

export interface LibraryWanted {
  query: string
  kinds: string[]
  base_models: string[]
  tags: string[]
  updates: boolean
  duplicates: boolean
  sort: 'relevance' | 'name' | 'newest' | 'size'
}

export interface LibraryPage {
  stamp: string
  total: number
  files: number
  unhashed: number
  updates: number
  /** Pictures that could be fetched for models that have none. */
  previews: number
  facets: Record<'kinds' | 'base_models' | 'tags', { value: string; count: number }[]>
  offset: number
  models: LibraryModel[]
}

export interface LibrarySource {
  source: string
  model: string
  version: string
  base_model: string
  published_at: string | null
  status: string
  air: string | null
  page: string | null
}

export interface LibraryDetails {
  name: string
  size: number
  identified: 'bytes' | 'tensors' | 'claim' | 'no'
  version: string | null
  base_model: string | null
  author: string
  licence: string | null
  permissions: Record<string, boolean | string>
  nsfw_level: number
  status: string | null
  description: string
  trigger_words: string[]
  tags: string[]
  digests: Record<string, string>
  claims: { kind: string; hex: string; origin: string }[]
  sources: LibrarySource[]
  newer: LibrarySource[]
  copies: { directory: string; name: string }[]
  note: { text: string; trigger_words: string[] }
  notes: { origin: string; text: string }[]
}

export interface StackPreset {
  name: string
  rows: import('../lib/rows.js').Row[]
  /** Unix time. */
  saved_at: number
}

export interface StackPresets {
  presets: StackPreset[]
  /** Names that presets of a file were given. */
  imported?: string[]
}

export interface KnownWords {
  name: string
  /** `user`, a marketplace, `header`, or a format of other programs' files. */
  words_by_origin: { origin: string; words: string[] }[]
}

/** What the catalog knows of a file that is here. */
export interface ModelFacts {
  name: string
  directory: string | null
  sha256: string | null
  source: string | null
  base_model: string | null
  licence: string | null
  nsfw_level: number
}

export interface QueueEntry {
  id: number
  name: string
  directory: string
  /** Host name of the site it comes from. */
  source: string | null
  sha256: string | null
  state: 'queued' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled'
  priority: number
  position: number
  done: number
  total: number | null
  bytes_per_s: number
  seconds_left: number | null
  attempts: number
  /** Seconds since 1970. */
  retry_at: number | null
  error: ErrorBody | null
  note: string
}

export interface QueueLimits {
  total: number
  per_host: number
  connections: number
  /** Of each process; null is no limit. */
  bytes_per_s: number | null
}

export interface QueueListing {
  entries: QueueEntry[]
  limits: QueueLimits
}

export interface PublishedFile {
  name: string
  /** Empty when the source does not tell it. */
  directory: string
  sha256: string | null
  size: number | null
  sources: { kind: string; url: string }[]
  /** Roughly, where no exact size is told. */
  about_bytes?: number | null
  file_type: string
  format: string
  precision: string
  primary: boolean
  warnings: string[]
}

export interface PublishedVersion {
  source: string
  model_name: string
  version_name: string
  page_url: string
  model_type: string
  base_model: string
  author: string
  description: string
  trigger_words: string[]
  licence: string
  permissions: Record<string, boolean | string>
  nsfw_level: number
  published_at: string
  status: string
  files: PublishedFile[]
  /** Key of a picture, in answers of a search; null without one. */
  picture?: string | null
}

export interface TokenStatus {
  source: string
  set: boolean
  /** The variable that holds it, or `file`. */
  from: string | null
  state?: 'unset' | 'accepted' | 'refused' | 'unknown'
}

export interface ServerStatus {
  policy: {
    remote: 'token' | 'anyone'
    operator_token: boolean
    formats: string[] | null
    max_file_bytes: number | null
    max_total_bytes: number | null
  }
  rules: {
    sources: Record<string, boolean>
    pickle: boolean
    node_downloads: 'ask' | 'allow'
    background_hashing: boolean
    previews: boolean
    update_check_hours: number
  }
}

export interface KnownUpdates {
  /** Changes with the versions told of; empty when there are none. */
  stamp: string
  checked: number
  updates: {
    name: string
    directory: string | null
    model: string
    version: string
    newer: { version: string; base_model: string; air: string | null }[]
  }[]
}
