// The schema of Capture files, letter by letter as the service writes it (438 bytes without blanks; read from files of 2021,
// 2022 and 2023). The published documentation lacks the "null" of `Properties`, and so do files of 2016: readers resolve the
// schema they find, the writer writes this one.

export const captureSchemaText =
  '{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[' +
  '{"name":"SequenceNumber","type":"long"},' +
  '{"name":"Offset","type":"string"},' +
  '{"name":"EnqueuedTimeUtc","type":"string"},' +
  '{"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},' +
  '{"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},' +
  '{"name":"Body","type":["null","bytes"]}]}'

/** Index of each branch in the unions of the two maps; `null` is in `Properties` only. */
export const valueBranches = { long: 0, double: 1, string: 2, bytes: 3, null: 4 } as const

export type ValueBranch = keyof typeof valueBranches

/** Index of each branch of `Body`. */
export const bodyBranches = { null: 0, bytes: 1 } as const

/** In the order of the schema. */
export const captureFieldNames = [
  'SequenceNumber',
  'Offset',
  'EnqueuedTimeUtc',
  'SystemProperties',
  'Properties',
  'Body',
] as const
