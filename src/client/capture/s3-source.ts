// Capture files in a bucket of S3 or what speaks like it.
//
//   s3:BUCKET[/PREFIX][?region=R&endpoint=URL]        keys from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//
// With an endpoint the bucket is the first segment of the path, as MinIO and others want it.

import { AwsClient } from 'aws4fetch'
import { EhubError } from '../../base/error.ts'
import { type CaptureSource, isCaptureName, type SourceFile } from './capture-source.ts'
import { answerTimeout, elementsOf, readRemote, readText, type Requester } from './remote-files.ts'

type Env = Readonly<Record<string, string | undefined>>

/** @throws EhubError `usage`. */
export function openS3Source(text: string, env: Env): CaptureSource {
  const [place = '', query = ''] = text.replace(/^\/\//, '').split('?', 2)
  const slash = place.indexOf('/')
  const bucket = slash < 0 ? place : place.slice(0, slash)
  const prefix = slash < 0 ? '' : place.slice(slash + 1)
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new EhubError('usage', `"s3:${place}" names no bucket`, {
      hint: 'write s3:BUCKET/PREFIX?region=eu-central-1',
    })
  }
  const parameters = new URLSearchParams(query)
  const region = parameters.get('region') ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1'
  const endpoint = parameters.get('endpoint') ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL
  const base =
    endpoint === undefined
      ? `https://${bucket}.s3.${region}.amazonaws.com`
      : `${endpoint.replace(/\/+$/, '')}/${bucket}`
  const request = requester(region, env)
  return {
    label: `s3:${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    list: async () => {
      const files: SourceFile[] = []
      let token = ''
      do {
        const url = new URL(`${base}/`)
        url.searchParams.set('list-type', '2')
        if (prefix !== '') url.searchParams.set('prefix', prefix)
        if (token !== '') url.searchParams.set('continuation-token', token)
        const xml = await readText(request, url, `bucket ${bucket}`)
        for (const item of elementsOf(xml, 'Contents')) {
          const [name = ''] = elementsOf(item, 'Key')
          const bytes = Number(elementsOf(item, 'Size')[0] ?? Number.NaN)
          if (!isCaptureName(name)) continue
          const address = new URL(`${base}/${name.split('/').map(encodeURIComponent).join('/')}`)
          files.push({
            label: `s3:${bucket}/${name}`,
            name,
            bytes: Number.isSafeInteger(bytes) ? bytes : null,
            open: () => readRemote(request, address, `s3:${bucket}/${name}`),
          })
        }
        token = elementsOf(xml, 'NextContinuationToken')[0] ?? ''
      } while (token !== '')
      return files
    },
  }
}

function requester(region: string, env: Env): Requester {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new EhubError('usage', 'no keys for S3', { hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY' })
  }
  const sessionToken = env.AWS_SESSION_TOKEN
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    service: 's3',
    region,
    retries: 0,
    ...(sessionToken === undefined ? {} : { sessionToken }),
  })
  return (url, rangeFrom) =>
    client.fetch(url.href, {
      signal: answerTimeout(),
      ...(rangeFrom > 0 ? { headers: { range: `bytes=${rangeFrom}-` } } : {}),
    })
}
