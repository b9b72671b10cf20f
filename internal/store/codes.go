package store

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"

	"runecast-ingest/internal/fault"
)

// meaning is what a code of S3 means, and its cure.
type meaning struct {
	class fault.Class
	what  string
	cure  string
}

// meanings returns what the codes of S3 mean (S3 API reference, "List of error codes")
// that come with 400 and 403, or that tell that the bucket is in another region. Most do
// not mean a missing permission. A key that ends in a dot stands for all codes that begin
// with it.
func meanings() map[string]meaning {
	const key = "look at the bucket's KMS key: "
	identity := meaning{fault.Config, "the credentials are not valid", "look at the function's role; in a local stack, at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"}
	expired := meaning{fault.Retry, "the credentials have expired", "none is needed in Lambda, which renews them; elsewhere sign in again"}
	region := meaning{fault.Config, "the bucket is in another region", "check ARCHIVE_BUCKET and AWS_REGION"}
	damaged := meaning{fault.Retry, "the transfer was cut short or damaged on its way", "it passes by itself"}
	unfit := meaning{fault.Config, "the bucket's KMS key cannot be used", key + "it must be enabled, not due for deletion, and symmetric"}
	return map[string]meaning{
		"InvalidObjectState": {fault.Config, "the object lies in an archive tier, where it cannot be read",
			"restore it (aws s3api restore-object), then replay it; and let no lifecycle rule move raw/ to Glacier Flexible Retrieval or Deep Archive"},
		"RequestTimeTooSkewed":               {fault.Retry, "the clock differs by more than 15 minutes from S3's", "set the clock of the machine; in Lambda it passes with the next sandbox"},
		"RequestTimeout":                     damaged, // the body came too slowly
		"IncompleteBody":                     damaged,
		"BadDigest":                          damaged,
		"XAmzContentSHA256Mismatch":          damaged,
		"InvalidAccessKeyId":                 identity,
		"SignatureDoesNotMatch":              identity,
		"InvalidToken":                       identity,
		"ExpiredToken":                       expired,
		"TokenRefreshRequired":               expired,
		"AuthorizationHeaderMalformed":       region,
		"PermanentRedirect":                  region,
		"IllegalLocationConstraintException": region,
		"KMS.DisabledException":              {fault.Config, "the bucket's KMS key is disabled", key + "enable it"},
		"KMS.NotFoundException":              {fault.Config, "the bucket's KMS key does not exist", key + "it must be in the bucket's region, and named right in the bucket's encryption"},
		"KMS.KMSInvalidStateException":       {fault.Config, "the bucket's KMS key is in a state in which it cannot be used", key + "cancel its deletion, and enable it"},
		"KMS.ThrottlingException":            {fault.Retry, "KMS is asked too often", "it passes; a bucket key (BucketKeyEnabled) asks less"},
		"KMS.":                               unfit,
		"AllAccessDisabled":                  {fault.Config, "AWS has disabled all access to the bucket", "ask AWS support"},
		"AccountProblem":                     {fault.Config, "something is wrong with the AWS account", "ask AWS support"},
		"InvalidRequest":                     {fault.Config, "S3 refused the request; the object may be encrypted with a key of its own (SSE-C)", "upload the object again without a key of its own"},
	}
}

// meaningOf returns what a code of S3 means; false: it is not in meanings.
func meaningOf(code string) (meaning, bool) {
	all := meanings()
	if m, ok := all[code]; ok {
		return m, true
	}
	family, _, _ := strings.Cut(code, ".")
	m, ok := all[family+"."]
	return m, ok && family != code
}

// codeOf returns S3's own code for an error, and its message; empty: it sent none,
// as in an answer to HEAD.
func codeOf(err error) (code, message string) {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return "", ""
	}
	code = api.ErrorCode()
	if code == http.StatusText(status(err)) || code == strings.ReplaceAll(http.StatusText(status(err)), " ", "") || code == "UnknownError" {
		return "", "" // the SDK's word for the status
	}
	return code, api.ErrorMessage()
}

// withCode returns a status with S3's code, or the status alone if the code is empty or
// the usual one of that status.
func withCode(status int, code, usual string) string {
	if code == "" || code == usual {
		return strconv.Itoa(status)
	}
	return fmt.Sprintf("%d %s", status, code)
}
