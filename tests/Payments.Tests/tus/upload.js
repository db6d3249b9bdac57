// node upload.js ENDPOINT KEY FILE SHA256: uploads the file, whatever happens on the way, and prints what it was told.
const fs = require('fs')
const tus = require('tus-js-client')

const [endpoint, key, file, sha256] = process.argv.slice(2)
const offsets = []
let job = null

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  headers: { Authorization: `Bearer ${key}` },
  metadata: { filename: 'payments.csv', filetype: 'text/csv', sha256 },
  uploadSize: fs.statSync(file).size,
  retryDelays: Array(500).fill(50),
  onAfterResponse: (request, response) => {
    const offset = response.getHeader('Upload-Offset')
    if (offset !== undefined && offset !== null && response.getStatus() < 300) offsets.push(Number(offset))
    const link = response.getHeader('Link')
    if (link) job = /<([^>]+)>/.exec(link)[1]
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => console.log(JSON.stringify({ address: new URL(upload.url).pathname, job, offsets })),
})
upload.start()
