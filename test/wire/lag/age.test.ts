import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AgeTable } from '../../../src/wire/lag/age.ts'

test('age is interpolated between samples', () => {
  const table = new AgeTable()
  table.push(0, 0)
  table.push(100, 10_000)
  table.push(200, 20_000)
  assert.equal(table.ageMs(150, 20_000), 5_000)
  assert.equal(table.ageMs(200, 20_000), 0)
  assert.equal(table.ageMs(50, 30_000), 25_000)
})

test('below the first sample it is extrapolated at the rate seen then', () => {
  const table = new AgeTable()
  table.push(100, 10_000)
  table.push(200, 20_000)
  assert.equal(table.ageMs(0, 20_000), 20_000)
})

test('a quiet stretch is one pair of points and keeps the age exact', () => {
  const table = new AgeTable()
  table.push(0, 0)
  for (let i = 1; i <= 1000; i++) table.push(100, i * 1000)
  table.push(200, 1_001_000)
  assert.equal(table.ageMs(150, 1_001_000), 500)
  assert.equal(table.ageMs(50, 1_001_000), 1_000_500)
})

test('without movement nothing can be said, and a hub made anew starts over', () => {
  const table = new AgeTable()
  assert.equal(table.ageMs(5, 0), null)
  table.push(100, 0)
  table.push(100, 1000)
  assert.equal(table.ageMs(150, 1000), null)
  assert.equal(table.ageMs(50, 1000), null)
  table.push(3, 2000)
  assert.equal(table.ageMs(100, 2000), null)
  assert.equal(table.ageMs(3, 2500), 500)
})
