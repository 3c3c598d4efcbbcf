// The Grafana dashboard as tests read it: its panels, its queries, and what a query asks of the metrics.

import { readFileSync } from 'node:fs'

export interface Target {
  readonly refId: string
  readonly expr: string
  readonly legendFormat: string
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: readonly Target[]
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string }; readonly overrides: readonly unknown[] }
  readonly options?: object
}

export interface Variable {
  readonly name: string
  readonly type: string
  readonly definition?: string
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(new URL('../../../../docs/grafana/ehub.json', import.meta.url), 'utf8'))
}

export function queriesOf({ panels }: Dashboard): readonly Target[] {
  return panels.flatMap(({ targets = [] }) => targets)
}

/** Metrics a query names, each with the labels it asks of them. */
export function askedOf({
  expr,
  legendFormat,
}: Pick<Target, 'expr' | 'legendFormat'>): ReadonlyMap<string, ReadonlySet<string>> {
  const grouped = Array.from(expr.matchAll(/\bby \(([^)]*)\)/g), ([, list = '']) => list.split(/,\s*/)).flat()
  const shown = Array.from(legendFormat.matchAll(/\{\{(\w+)\}\}/g), ([, name = '']) => name)
  const asked = new Map<string, ReadonlySet<string>>()
  for (const [, metric = '', selector = ''] of expr.matchAll(/\b(ehub_[a-z_]+)(?:\{([^}]*)\})?/g)) {
    const selected = Array.from(selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)"/g), ([, name = '']) => name)
    asked.set(metric, new Set([...selected, ...grouped, ...shown]))
  }
  return asked
}

/** Labels by metric, from the text format; the suffixes of a histogram are metrics of their own. */
export function labelsIn(metrics: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  for (const line of metrics.split('\n')) {
    const [, name, labels = ''] = /^([a-z_]+)(?:\{(.*)\})? \S+$/.exec(line) ?? []
    if (name === undefined) continue
    const known = found.get(name) ?? new Set()
    found.set(name, known)
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
  }
  return found
}
