// dynalite ends with the first request that its client breaks off ("aborted"),
// and the suite breaks requests off. Everything else still ends it.
process.on('uncaughtException', (err) => {
  if (err.message !== 'aborted' && err.code !== 'ECONNRESET') {
    console.error(err)
    process.exit(1)
  }
})
