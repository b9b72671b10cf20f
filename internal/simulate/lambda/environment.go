package lambda

import (
	"path/filepath"
	"strconv"
	"strings"
)

// environment returns the variables that Lambda sets for a process, then the
// function's own; of two variables with the same name the later wins.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func environment(o Options, runtimeAPI string) []string {
	region := lookup(o.Env, "AWS_REGION")
	if region == "" {
		region = "eu-central-1"
	}
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + runtimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME=" + o.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(o.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_FORMAT=JSON",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + o.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=local",
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"_HANDLER=bootstrap",
		"LAMBDA_TASK_ROOT=" + filepath.Dir(o.Binary),
		"LANG=en_US.UTF-8",
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"TZ=:UTC",
	}
	return append(env, o.Env...)
}

// lookup returns the value that a process with this environment would see.
func lookup(env []string, name string) string {
	value := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}
