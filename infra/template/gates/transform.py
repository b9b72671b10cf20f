#!/usr/bin/env python3
"""Prints the CloudFormation template that SAM makes of template.yaml.

cfn-lint finds unknown IAM actions, unused parameters and dangling conditions
only after the transform. It is the translator that CloudFormation runs itself
(aws-sam-translator, which cfn-lint brings along); no AWS account is asked.
"""

import json
import sys

try:
    import boto3
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse
except ImportError as error:
    sys.exit(f"transform.py: {error}: pip install cfn-lint==1.51.0, for the python3 that runs this")

# The translator requires that the code is in S3, where `sam deploy` puts it.
CODE = "s3://artifacts/code.zip"


def transform(path):
    """Returns the transformed template, with code as `sam deploy` would refer to it."""
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file)
    template["Globals"]["Function"]["CodeUri"] = CODE
    session = boto3.Session(region_name="eu-central-1")
    # The template uses no managed policies.
    return Translator({}, Parser(), boto_session=session).translate(template, {})


if __name__ == "__main__":
    json.dump(transform(sys.argv[1]), sys.stdout, indent=1)
