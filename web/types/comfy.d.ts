/** The few things of the ComfyUI frontend (1.47) that this package touches. */

export interface Widget {
  name: string
  type: string
  label?: string
  tooltip?: string
  value: unknown
  options: Record<string, unknown>
  serialize?: boolean
  disabled?: boolean
  computedDisabled?: boolean
  /** Of a widget that is an element of the page. */
  element?: HTMLElement
}

/** What a widget that is an element tells the host of itself. */
export interface DomWidgetOptions {
  serialize: boolean
  /** Whether the host puts a plain box in its place where little is seen of it. */
  hideOnZoom: boolean
  /** Keeps it out of the panel of the selected node. */
  hideInPanel: boolean
  margin: number
  getMinHeight(): number
  getMaxHeight(): number
  getHeight(): number
}

export interface InputSlot {
  name: string
  label?: string
  type: string
  link: number | null
  widget?: { name: string }
}

export interface Link {
  id: number
  origin_id: number | string
  origin_slot: number
  target_slot: number
}

export interface Graph {
  id: string
  nodes: Node[]
  /** Of a graph that is in no other, itself. */
  rootGraph?: Graph
  subgraphs?: Map<string, Graph>
  /** Of a subgraph, with the links that lead to them. */
  outputs?: { linkIds: number[] }[]
  getLink(id: number): Link | undefined
  getNodeById(id: number | string): Node | null | undefined
  getNodeOnPos(x: number, y: number): Node | null
  add(node: Node): void
  serialize(): SavedGraph
  trigger?(event: string, detail: Record<string, unknown>): void
}

export interface Node {
  id: number | string
  title?: string
  type: string
  pos: [number, number]
  size: [number, number]
  widgets?: Widget[]
  inputs: InputSlot[]
  graph?: Graph | null
  /** What a node that stands for a subgraph has inside. */
  subgraph?: Graph
  /** Of a node whose type nobody registered: what was loaded. */
  last_serialization?: SavedNode
  addWidget(
    type: string,
    name: string,
    value: unknown,
    callback: (this: Widget, value: any, canvas?: unknown, node?: Node, pos?: unknown, event?: unknown) => void,
    options: Record<string, unknown>,
  ): Widget
  addDOMWidget(name: string, type: string, element: HTMLElement, options: DomWidgetOptions): Widget
  removeWidget(widget: Widget): void
  addInput(name: string, type: string, extra: Record<string, unknown>): InputSlot
  removeInput(slot: number): void
  disconnectInput(slot: number, keepReroutes?: boolean): boolean
  getSlotFromWidget(widget: Widget | undefined): InputSlot | undefined
  /** Marks the widgets that cannot be changed, since a link gives their value. */
  updateComputedDisabled(): void
  computeSize(): [number, number]
  setSize(size: [number, number]): void
  setDirtyCanvas(foreground: boolean, background: boolean): void
  configure(saved: SavedNode): void
  onAdded?(graph: Graph): void
  onRemoved?(): void
  onConnectionsChange?(...args: unknown[]): void
  /** Set by Satchel: what happens when a block weights field has changed. */
  blocksChanged?(widget: Widget): void
  /** Set by Satchel: adds a row with a LoRA, named with `/`. */
  addLora?(name: string): void
  /** Set by Satchel: somebody wrote a value of a row. */
  rowsChanged?(): void
  /** Set by Satchel: the node has its saved rows; `isOld` if an older version saved them. */
  rowsLoaded?(isOld: boolean): void
}

export interface SavedNode {
  id: number | string
  type: string
  widgets_values?: unknown
  inputs?: InputSlot[]
  properties?: Record<string, unknown>
}

export interface NodeType {
  prototype: Node
}

/** A saved graph, root or subgraph definition. */
export interface SavedGraph {
  name?: string
  nodes: SavedNode[]
  extra?: Record<string, unknown>
  definitions?: { subgraphs?: SavedGraph[] }
  groups?: unknown
  links?: unknown
  id?: string
}

export type ApiGraph = Record<string, { class_type: string; inputs?: Record<string, unknown> }>

export interface MenuEntry {
  content: string
  title?: string
  disabled?: boolean
  has_submenu?: boolean
  submenu?: { options: MenuEntry[] }
  callback?: () => void
}

/** Undo and redo of one workflow. */
export interface ChangeTracker {
  _restoringState?: boolean
  activeState: SavedGraph
  undoQueue: SavedGraph[]
  redoQueue: SavedGraph[]
  /** Makes what changed on the canvas a step of its own. */
  captureCanvasState(): void
  /** Opens the last of `source` in place, and puts the state before it on `target`. */
  updateState(source: SavedGraph[], target: SavedGraph[]): Promise<void>
}

export interface Workflow {
  filename?: string
  changeTracker?: ChangeTracker
}

/** A node of the opened graph whose type nobody registered. */
export type MissingNode = string | { type: string; nodeId?: string | number }

export interface ToastMessage {
  severity: 'success' | 'info' | 'warn' | 'error'
  summary: string
  detail?: string
  life?: number
}

export interface Canvas {
  canvas: HTMLCanvasElement
  graph: Graph
  selected_nodes?: Record<string, Node>
  selectNode(node: Node): void
  processMouseWheel(event: WheelEvent): void
  processMouseDown(event: PointerEvent): void
  processMouseMove(event: PointerEvent): void
  processMouseUp(event: PointerEvent): void
}

/** A tab of the host's sidebar. It calls `render` whenever it draws the sidebar. */
export interface SidebarTab {
  id: string
  icon: string
  title: string
  tooltip?: string
  type: 'custom'
  iconBadge?: string | null
  render(place: HTMLElement): void
  destroy?(): void
}

export interface ComfyApp {
  rootGraph: Graph
  canvas: Canvas
  extensionManager: {
    toast: { add(message: ToastMessage): void }
    command: { execute(id: string): Promise<void> }
    setting: { get(id: string): unknown; set(id: string, value: unknown): Promise<void> }
    workflow: { activeWorkflow: Workflow | null }
    registerSidebarTab(tab: SidebarTab): void
    sidebarTab?: { sidebarTabs: SidebarTab[] }
  }
  ui: { settings: EventTarget }
  registerExtension(extension: Record<string, unknown>): void
  graphToPrompt(): Promise<{ workflow: SavedGraph; output: ApiGraph }>
  loadGraphData(
    graph: SavedGraph,
    clean?: boolean,
    restoreView?: boolean,
    workflow?: Workflow | string | null,
  ): Promise<void>
  handleFile(file: File, ...rest: unknown[]): Promise<void>
  loadApiJson(graph: ApiGraph, fileName: string): void
  reloadNodeDefs(): Promise<void>
  refreshMissingModels?(options: { silent: boolean; reloadDefs: boolean }): Promise<unknown>
  clientPosToCanvasPos(pos: [number, number]): [number, number]
  canvasPosToClientPos(pos: [number, number]): [number, number]
}

export interface ComfyApi extends EventTarget {
  clientId?: string
  apiURL(route: string): string
  fetchApi(route: string, options?: RequestInit): Promise<Response>
  apiURL(route: string): string
}
