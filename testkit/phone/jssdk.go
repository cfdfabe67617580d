package phone

// JSSDKPath is where the phone serves [JSSDK].
const JSSDKPath = "/phone/vvchatjssdk-1.0.0.js"

// JSSDK returns a script with the calls of the platform's JSSDK: a global
// vvchat with config, ready (and onReady, its name in the published script) and
// call. It was written from the documented behaviour, for tests and for pages
// that must load nothing from elsewhere; the published one works on the phone
// just as well.
func JSSDK() []byte {
	script, err := files.ReadFile("pages/vvchatjssdk.js")
	if err != nil {
		panic(err) // it is embedded
	}
	return script
}
