package io.raydp

import io.raydp.collections.LaterMethods

package object process extends LaterMethods
